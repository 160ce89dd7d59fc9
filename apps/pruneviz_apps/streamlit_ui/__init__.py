"""The pages of the Streamlit surface. They decide nothing: views, study and the explorer's session do."""
